Feature: Bad input is answered with the right status in the right form, and nothing of the inside is told

  Background:
    Given the component "api" is ready
    And "ada" has an empty repository "ada/target"

  Scenario Outline: What cannot be understood is refused
    When "ada" sends <what>
    Then the answer is <status> with the code "<code>"
    And it tells nothing of the inside
    And it has one line in the log of "api"

    Examples:
      | what                                                       | status | code                   |
      | GET /api/v1/nowhere                                        | 404    | NOT_FOUND              |
      | BREW /api/v1/user                                          | 405    | METHOD_NOT_ALLOWED     |
      | DELETE /api/v1/user                                        | 405    | METHOD_NOT_ALLOWED     |
      | GET /api/v1/repos/ada/..%2F..%2Fetc                        | 404    | NOT_FOUND              |
      | GET /api/v1/repos/ada/target/tree?ref=../../etc/passwd     | 404    | NOT_FOUND              |
      | GET /api/v1/repos/ada/target/tree?path=../../../etc        | 400    | BAD_REQUEST            |
      | GET /api/v1/repos?page=minus-one                           | 400    | BAD_REQUEST            |
      | POST /api/v1/repos with the body {"name":                  | 400    | BAD_REQUEST            |
      | POST /api/v1/repos with the body {"name":"..","private":false} | 422 | UNPROCESSABLE         |
      | POST /api/v1/repos with the body {"name":""}               | 422    | UNPROCESSABLE          |
      | POST /api/v1/repos with the body {"name":"a","nmae":"b"}   | 400    | BAD_REQUEST            |
      | POST /api/v1/repos with the body {"name":"a\u0000b"}       | 422    | UNPROCESSABLE          |
      | POST /api/v1/repos with the body of the type text/plain    | 415    | UNSUPPORTED_MEDIA_TYPE |
      | POST /api/v1/repos with a body of 2 megabytes              | 413    | PAYLOAD_TOO_LARGE      |

  Scenario Outline: Names that lead elsewhere are no repositories
    When "ada" asks for "<request>" as it stands
    Then the status is one of 400, 404
    And it tells nothing of the inside

    Examples:
      | request                                                              |
      | GET /ada/..%2F..%2Fetc.git/info/refs?service=git-upload-pack          |
      | GET /ada/../../etc.git/info/refs?service=git-upload-pack              |
      | GET //.git/info/refs?service=git-upload-pack                          |
      | GET /ada/.git/info/refs?service=git-upload-pack                       |
      | GET /ada/target%00.git/info/refs?service=git-upload-pack              |
      | GET /ada/target.git/info/refs?service=git-anything-pack               |
      | GET /ada/target.git/../../secrets                                     |

  Scenario Outline: No service is upset by a head that makes no sense
    When <service> is sent <head>
    Then the status is one of <statuses>
    And it tells nothing of the inside
    And <service> still answers

    Examples:
      | service  | head                           | statuses |
      | api      | a malformed traceparent        | 200      |
      | api      | malformed baggage              | 200      |
      | api      | a header of 1 megabyte         | 431      |
      | git-http | a malformed traceparent        | 200      |
      | git-http | a header of 1 megabyte         | 431      |
      | search   | a malformed traceparent        | 200      |
      | search   | a header of 1 megabyte         | 431, 400 |
      | web      | a malformed traceparent        | 200      |
      | web      | a header of 1 megabyte         | 431      |

  Scenario: A client that sends its body slowly doesn't keep others waiting
    When 20 clients send a byte of a body every 2 seconds to the api
    Then "ada" gets 200 for "GET /api/v1/user" within 5 seconds
    And the slow clients are let go within 90 seconds

  Scenario: A body that is cut off creates nothing
    When "ada" sends half of a request that creates the repository "ada/half" and leaves
    Then "ada" gets 404 for "GET /api/v1/repos/ada/half" within 5 seconds

  @needs-local
  Scenario: Who guesses passwords through the pages shuts out himself alone
    Given the component "web" is ready
    And there is a user "guessed"
    And 10 wrong passwords of "guessed" came through the sign-in page from 127.0.0.2
    When "guessed" signs in through the sign-in page from 127.0.0.2
    Then the page answers 429
    When "guessed" signs in through the sign-in page from 127.0.0.3
    Then the page answers 303
