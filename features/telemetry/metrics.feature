Feature: What the panels show is what happened

  Background:
    Given the component "prometheus" is ready
    And the component "api" is ready

  Scenario Outline: A counter rises by exactly what was sent, and the panel shows it while it happens
    Given "ada" has an empty repository "ada/counted"
    When "<request>" is sent 200 times
    Then the counter of "api" for "<method>" "<route>" and <status> has risen by exactly 200 within 15 seconds
    And the panel "<panel>" has shown 200 requests of it within 5 percent

    Examples:
      | request                            | method | route                          | status | panel        |
      | GET /api/v1/repos/ada/counted      | GET    | /api/v1/repos/{owner}/{repo}   | 200    | Requests by route |
      | GET /api/v1/repos/ada/never-there  | GET    | /api/v1/repos/{owner}/{repo}   | 404    | Requests by route |

  Scenario: Unknown paths and odd methods do not grow the number of series
    Given every service was asked for some unknown paths by every method
    When the number of series is noted
    And 5000 unknown paths and odd methods are asked for
    Then the number of series has grown by less than 20 after 5 seconds
