"""Every server: version, licence, checksum, how it is obtained."""
