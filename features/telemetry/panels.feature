Feature: A panel shows what happens, and nothing when nobody can know

  Whoever looks at a dashboard may believe it: each panel moves with the thing it is about and stands still without it,
  and a panel whose source is away is empty, not calm.

  Background:
    Given the component "prometheus" is ready

  Scenario Outline: Every panel of <dashboard> moves with its stimulus and not without it
    Given the indexer runs
    And all that the stimuli of the dashboard "<dashboard>" need is ready
    When the stimuli of "<dashboard>" are carried out one after the other
    Then there is a picture of every panel, drawn from its own query
    And the report says of which panels only the presence could be proved, and after how long the others moved
    And every panel moved with its stimulus and not without it

    Examples: In every run
      | dashboard       |
      | overview        |
      | git-performance |

    @needs-soak
    Examples: In a soak
      | dashboard       |
      | api-latency     |
      | errors          |
      | search-index    |
      | database        |
      | cache           |
      | jobs            |
      | telemetry       |
      | host            |

    @needs-soak @needs-barman @needs-restic
    Examples: With a forge that is backed up beside it
      | dashboard |
      | recovery  |

  Scenario: The report shows the panels of all other dashboards as well, as they are at that moment
    When every panel that no stimulus of this run moves is asked for its last five minutes
    Then each is answered, and a picture of it, drawn from its own query, is in the report
    And the report says of each dashboard how many panels show something

  Scenario Outline: With <job> gone its panels are empty and the check names them
    Given the indexer runs
    And everybody is busy, and every panel of "<job>" has a value within 60 seconds
    When what it is scraped from is killed
    Then the check for empty panels names each of them within 30 seconds
    When it is started again
    Then the check for empty panels names none of them within 60 seconds

    Examples: In every run
      | job          |
      | redis        |
      | node         |

    @needs-soak
    Examples: In a soak
      | job          |
      | api          |
      | git          |
      | search       |
      | indexer      |
      | runner       |
      | web          |
      | collector    |
      | spanmetrics  |
      | postgresql   |
      | prometheus   |
      | victorialogs |
      | jaeger       |
