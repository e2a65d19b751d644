Feature: Telemetry that is away harms nobody, and what it had acknowledged is not lost

  Background:
    Given the component "api" is ready
    And the component "collector" is ready
    And the component "jaeger" is ready

  Scenario: Jaeger is away for a while, and every acknowledged span is there afterwards
    Given "ada" has an empty repository "ada/steady"
    When the component "jaeger" is paused
    And "GET /api/v1/repos/ada/steady" is sent 100 times with traces of their own
    And 20 seconds have passed
    And the component "jaeger" is resumed
    Then all of them were answered as always
    And within 60 seconds the trace of each is in Jaeger

  Scenario: The collector is killed, and every acknowledged span is there afterwards
    Given "ada" has an empty repository "ada/steady"
    When the component "jaeger" is paused
    And "GET /api/v1/repos/ada/steady" is sent 50 times with traces of their own
    And the spans were acknowledged within 20 seconds
    And the component "collector" is killed
    And the component "jaeger" is resumed
    And the component "collector" is started again within 60 seconds
    Then within 60 seconds the trace of each is in Jaeger

  Scenario: The collector is away: nobody notices, and what is dropped is counted
    Given "ada" has an empty repository "ada/steady"
    When the component "collector" is killed
    And "GET /api/v1/repos/ada/steady" is sent 100 times with traces of their own
    Then all of them were answered as always
    When the component "collector" is started again within 60 seconds
    Then within 90 seconds each of their spans of "api" is in Jaeger or counted as dropped
