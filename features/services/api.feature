Feature: The api does what its contract says, and what it refuses it refuses in the same form

  Background:
    Given the component "api" is ready

  Scenario: Signing in tells no difference between a wrong password and an unknown user
    Given there is a user "ada"
    When somebody signs in as "ada" with a wrong password
    And somebody signs in as "nobody-here" with a wrong password
    Then both answers are 401 with the code "UNAUTHORIZED" and the same words

  Scenario: A token that was given back is worth nothing
    Given "ada" is signed in
    When "ada" signs out
    And "ada" asks with the old token for "GET /api/v1/user"
    Then the answer is 401 with the code "UNAUTHORIZED"

  Scenario: An e-mail address is nobody else's business
    Given there is a user "ada"
    And there is a user "cleo"
    When "cleo" asks for "GET /api/v1/users/ada"
    Then the answer is 200
    And the answer does not contain the e-mail address of "ada"

  Scenario Outline: Without a database the answer is 503, never that something is not there or not allowed
    Given there is a user "ada"
    And "ada" has an empty repository "ada/outage"
    When the component "postgresql-primary" is paused
    And "ada" asks for "<request>"
    Then the answer is 503 with the code "UNAVAILABLE"
    When the component "postgresql-primary" is resumed
    Then "ada" gets 200 for "GET /api/v1/repos/ada/outage" within 60 seconds

    Examples:
      | request                       |
      | GET /api/v1/user              |
      | GET /api/v1/repos/ada/outage  |
      | POST /api/v1/auth/login       |

  Scenario: Readiness sees the database, liveness does not
    When the component "postgresql-primary" is paused
    Then "/readyz" of the api answers 503 within 30 seconds
    And "/healthz" of the api answers 200
    When the component "postgresql-primary" is resumed
    Then "/readyz" of the api answers 200 within 60 seconds

  Scenario: Without the git service its answers are 503 and the others go on
    Given "ada" has an empty repository "ada/gitless"
    When the component "git-http" is paused
    And "ada" asks for "GET /api/v1/repos/ada/gitless/branches"
    Then the answer is 503 with the code "UNAVAILABLE"
    When "ada" asks for "GET /api/v1/user"
    Then the answer is 200

  Scenario: Nobody notices that the cache is away
    Given "ada" has an empty repository "ada/cacheless"
    When every node of the cache is paused
    Then "ada" gets 200 for "GET /api/v1/repos/ada/cacheless" within 5 seconds
    And "ada" gets 200 for "GET /api/v1/user" within 5 seconds

  Scenario: A private repository is in nobody else's lists
    Given "ada" has an empty private repository "ada/hidden"
    And there is a user "cleo"
    When "cleo" asks for "GET /api/v1/repos?owner=ada&per_page=100"
    Then the answer is 200
    And the answer does not name "ada/hidden"
    When "cleo" asks for "GET /api/v1/repos/ada/hidden/issues"
    Then the answer is 404 with the code "NOT_FOUND"

  Scenario: Issues opened at once have numbers of their own
    Given "ada" has an empty repository "ada/busy"
    When "ada" opens 20 issues in "ada/busy" at once
    Then they have 20 different numbers from 1 to 20

  Scenario: An attachment comes back as it was sent
    Given "ada" has an empty repository "ada/released"
    And "ada" has pushed 1 files of 1 kilobytes to "ada/released"
    When "ada" attaches 3000 kilobytes to the release "v1.0" of "ada/released"
    Then "a visitor" gets back the same bytes from the release "v1.0" of "ada/released"
