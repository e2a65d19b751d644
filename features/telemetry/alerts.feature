Feature: Every alert is fired by the fault it is about, clears after it, and no other one cries wolf

  The rules run with every window divided, so that what takes hours on a forge takes seconds here; the faults are real.

  Background:
    Given the component "prometheus" is ready
    And the component "api" is ready

  Scenario Outline: The fault "<fault>" fires its alerts, and they clear after it
    Given the indexer runs
    And no alert pages
    When the fault "<fault>" is made
    Then every alert that names it fires, with its labels
    When it is undone
    Then all of them have cleared
    And nothing paged that the fault does not explain

    Examples: In every run
      | fault               |
      | stop:api            |
      | stop:redis-exporter |
      | fill:jobs           |
      | stop:collector      |

    @needs-soak
    Examples: A component is away
      | fault                    |
      | stop:postgresql-primary  |
      | stop:postgresql-replica  |
      | pause:postgresql-replica |
      | stop:redis-1             |
      | stop:redis-majority      |
      | stop:opensearch          |
      | pause:opensearch         |
      | slow:opensearch          |
      | stop:indexer             |
      | stop:objects             |
      | kill:runner              |

    @needs-soak
    Examples: The database is slow, locked or out of sessions
      | fault            |
      | slow:database    |
      | lock:database    |
      | fill:connections |
      | hold:transaction |
      | hold:replay      |

    @needs-soak
    Examples: There is too much, or it fails
      | fault              |
      | corrupt:repository |
      | fill:git           |
      | fail:jobs          |
      | fill:redis         |

    @needs-soak
    Examples: Telemetry itself is broken
      | fault          |
      | pause:jaeger   |
      | fill:collector |
      | cut:log-store  |
      | strip:meters   |
      | unscrape:jobs  |

    @needs-soak
    Examples: The machine is full
      | fault       |
      | fill:disk   |
      | fill:memory |

    @needs-soak @needs-barman @needs-restic
    Examples: Backups are not taken, do not get there, or nobody knows
      | fault               |
      | fail:backup-store   |
      | skip:backups        |
      | stop:backup-metrics |
