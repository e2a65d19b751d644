@needs-grafana
Feature: A Grafana that somebody runs shows what the stores know

  The dashboards are imported into a folder of their own, with data sources of their own, and taken out again. Grafana is
  asked through its query API, with the panels as it keeps them, while what they are about happens.

  Background:
    Given the component "prometheus" is ready

  Scenario Outline: In Grafana every panel of <dashboard> moves with its stimulus and not without it
    Given the indexer runs
    And the dashboard "<dashboard>" is imported into Grafana, which is asked for its panels
    And all that the stimuli of the dashboard "<dashboard>" need is ready
    When the stimuli of "<dashboard>" are carried out one after the other
    Then there is a picture of "<dashboard>" as Grafana draws it
    And every panel moved with its stimulus and not without it

    Examples:
      | dashboard       |
      | overview        |
      | git-performance |
      | api-latency     |
      | errors          |
      | search-index    |
      | database        |
      | cache           |
      | jobs            |
      | telemetry       |
      | host            |
      | recovery        |
