Feature: One request is one trace, from the page to the database, and nothing in it is anybody's secret

  Background:
    Given the component "web" is ready
    And the component "collector" is ready
    And the component "jaeger" is ready
    And the component "victorialogs" is ready

  Scenario: A page of a repository is one trace through web, api and git to the database
    Given "ada" has a repository "ada/traced" with the file "word.txt" saying "albatross"
    When the page "/ada/traced" is asked for with a known traceparent
    Then within 10 seconds its trace has these edges:
      | from | to         |
      | web  | api        |
      | api  | git        |
      | api  | postgresql |
    And within 20 seconds a log line of each of these carries the trace:
      | service |
      | web     |
      | api     |
      | git     |

  Scenario: A search is one trace through web, api and the search
    Given the component "search" is ready
    And the forge holds real code that can be searched
    When the page "/search?q=main" is asked for with a known traceparent
    Then within 10 seconds its trace has these edges:
      | from   | to     |
      | web    | api    |
      | api    | search |

  Scenario: A push is one trace through api and git
    Given "ada" has an empty repository "ada/pushed"
    When "ada" pushes to "ada/pushed" with a known traceparent
    Then within 10 seconds its trace has these edges:
      | from | to         |
      | api  | git        |
      | api  | postgresql |

  Scenario: A malformed traceparent joins nothing and breaks nothing
    When the page "/" is asked for with the traceparent "00-ffffffffffffffffffffffffffffffff-00f067aa0ba902b7-zz"
    Then the page is answered
    And after 5 seconds no span carries the trace "ffffffffffffffffffffffffffffffff"

  Scenario: No secret, address or word that was searched for is in a span, a label or a log line
    Given "ada" is signed in
    When "ada" signs in, pushes with a token, and searches for a word of her own
    Then that traffic is in the traces, the metrics and the logs within 20 seconds
    And no password, token, e-mail address or searched word is in any of them
