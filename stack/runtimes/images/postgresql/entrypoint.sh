#!/bin/sh
# Makes the data folder what the server expects, once, then becomes the command (the server).
#
#   ENGINEROOM_ROLE           primary or replica
#   ENGINEROOM_DATA           the data folder; /engineroom/data
# A primary is created from
#   ENGINEROOM_SUPERUSER      its first role
#   ENGINEROOM_PASSWORD_FILE  a file with that role's password
# A replica is copied from
#   ENGINEROOM_PRIMARY_HOST, ENGINEROOM_PRIMARY_PORT
#   ENGINEROOM_REPLICATOR     the role that replicates
#   ENGINEROOM_SLOT           the replication slot that waits for it on the primary
#   ENGINEROOM_PASSFILE_FROM  a libpq password file, as it was mounted
#   ENGINEROOM_PASSFILE       where the server's own settings look for it
set -eu
data=${ENGINEROOM_DATA:-/engineroom/data}

case ${ENGINEROOM_ROLE:?primary or replica} in
replica)
    # libpq takes no password file that others may read, and a mounted secret is one.
    ( umask 077 && cat "${ENGINEROOM_PASSFILE_FROM:?}" > "${ENGINEROOM_PASSFILE:?}.new" )
    mv "${ENGINEROOM_PASSFILE}.new" "${ENGINEROOM_PASSFILE}"
    ;;
primary) ;;
*)
    echo "ENGINEROOM_ROLE is ${ENGINEROOM_ROLE}, not primary or replica" >&2
    exit 64
    ;;
esac

if [ ! -e "$data/PG_VERSION" ]; then
    # In a folder beside, so that one that was interrupted is never taken for whole.
    unborn=$data/.unborn
    rm -rf "$unborn"
    if [ "$ENGINEROOM_ROLE" = primary ]; then
        initdb --pgdata="$unborn" --username="${ENGINEROOM_SUPERUSER:?}" --pwfile="${ENGINEROOM_PASSWORD_FILE:?}" \
            --auth=scram-sha-256 --data-checksums --encoding=UTF8 --locale=C.UTF-8 --no-sync
    else
        # A spread checkpoint may take minutes on an idle server, so ask for a fast one.
        PGPASSFILE=$ENGINEROOM_PASSFILE pg_basebackup --pgdata="$unborn" \
            --host="${ENGINEROOM_PRIMARY_HOST:?}" --port="${ENGINEROOM_PRIMARY_PORT:?}" \
            --username="${ENGINEROOM_REPLICATOR:?}" --no-password --slot="${ENGINEROOM_SLOT:?}" \
            --wal-method=stream --checkpoint=fast --no-sync
        : > "$unborn/standby.signal"
    fi
    # PG_VERSION last: only a whole folder has it.
    find "$unborn" -mindepth 1 -maxdepth 1 ! -name PG_VERSION -exec mv -t "$data" {} +
    mv "$unborn/PG_VERSION" "$data/"
    rmdir "$unborn"
fi
exec "$@"
