Feature: Clone, fetch and push over HTTP lose nothing and tell nothing

  What was accepted is there, whole, for everybody who may see it; who may not see it cannot tell it from nothing.

  Background:
    Given the component "api" is ready
    And the component "git-http" is ready

  Scenario: What was pushed is what is cloned
    Given "ada" has an empty repository "ada/notes"
    When "ada" pushes 200 files of 4 kilobytes to "ada/notes"
    Then the push is accepted
    And a clone of "ada/notes" by "a visitor" is whole and stands at the pushed commit

  Scenario: A large push is not refused for its size
    Given "ada" has an empty repository "ada/large"
    When "ada" pushes 40 files of 1024 kilobytes to "ada/large"
    Then the push is accepted
    And a clone of "ada/large" by "a visitor" is whole and stands at the pushed commit

  Scenario: A fetch brings no more than what is new
    Given "ada" has an empty repository "ada/grows"
    And "ada" has pushed 40 files of 64 kilobytes to "ada/grows"
    And "bela" has a clone of "ada/grows"
    When "ada" pushes 1 files of 4 kilobytes to "ada/grows"
    And "bela" fetches
    Then the clone of "bela" stands at the pushed commit
    And fewer than 200 kilobytes were fetched

  Scenario: An empty repository can be cloned
    Given "ada" has an empty repository "ada/nothing"
    Then a clone of "ada/nothing" by "a visitor" has no commit

  Scenario: A private repository cannot be told from one that is not there
    Given "ada" has an empty private repository "ada/secret"
    And "ada" has pushed 1 files of 1 kilobytes to "ada/secret"
    When "cleo" clones "ada/secret"
    And "cleo" clones "ada/never-there"
    Then both are refused with the same words
    When "a visitor" clones "ada/secret"
    And "a visitor" clones "ada/never-there"
    Then both are refused with the same words

  Scenario: Who may read may not write
    Given "ada" has an empty private repository "ada/shared"
    And "ada" has pushed 1 files of 1 kilobytes to "ada/shared"
    And "bela" is a collaborator of "ada/shared" who may "read"
    Then a clone of "ada/shared" by "bela" is whole and stands at the pushed commit
    When "bela" pushes 1 files of 1 kilobytes to "ada/shared"
    Then the push is refused
    And "ada/shared" still stands at the commit pushed by "ada"

  Scenario: A collaborator who is let go is let go at once
    Given "ada" has an empty private repository "ada/parting"
    And "ada" has pushed 1 files of 1 kilobytes to "ada/parting"
    And "bela" is a collaborator of "ada/parting" who may "write"
    And "bela" has a clone of "ada/parting"
    When "bela" is no collaborator of "ada/parting" any more
    And "bela" pushes 1 files of 1 kilobytes to "ada/parting"
    Then the push is refused
    And "bela" can no longer read "ada/parting"

  Scenario: A damaged pack is refused and changes nothing
    Given "ada" has an empty repository "ada/careful"
    And "ada" has pushed 1 files of 1 kilobytes to "ada/careful"
    When "ada" sends a damaged pack to "ada/careful"
    Then the push is refused
    And "ada/careful" still stands at the commit pushed by "ada"
    And "ada" can push to "ada/careful" again

  Scenario: The head of a pull request follows its branch, and merging it moves the base
    Given "ada" has an empty repository "ada/project"
    And "ada" has pushed 3 files of 1 kilobytes to "ada/project"
    And "ada" has pushed a change of "lib.txt" to the branch "fix" of "ada/project"
    And "ada" has opened a pull request from "fix" in "ada/project"
    When "ada" pushes a change of "lib.txt" to the branch "fix" of "ada/project"
    Then "refs/pull/1/head" of "ada/project" is the pushed commit
    When "ada" merges the pull request
    Then the branch "main" of "ada/project" contains the pushed commit
    And the pull request is merged

  Scenario: The journal of pushes says what git has
    Given "ada" has a repository "ada/chronicle" with the file "notes.txt" saying "one"
    And "ada" has pushed a change of "notes.txt" to the branch "topic" of "ada/chronicle"
    And "ada" has opened a pull request from "topic" in "ada/chronicle"
    When "ada" merges the pull request
    Then the journal says of "ada/chronicle" what git has, and doubts none of it

  Scenario: A merge that conflicts is refused and changes nothing
    Given "ada" has an empty repository "ada/conflict"
    And "ada" has pushed 3 files of 1 kilobytes to "ada/conflict"
    And "ada" has pushed a change of "file-0.txt" to the branch "fix" of "ada/conflict"
    And "ada" has pushed a change of "file-0.txt" to the branch "main" of "ada/conflict"
    And "ada" has opened a pull request from "fix" in "ada/conflict"
    When "ada" merges the pull request
    Then the answer is 409 with the code "MERGE_CONFLICT"
    And "ada/conflict" still stands at the commit pushed by "ada"
    And the pull request is open

  Scenario: Without a database nobody is told that a repository is gone
    Given "ada" has an empty repository "ada/outage"
    And "ada" has pushed 1 files of 1 kilobytes to "ada/outage"
    When the component "postgresql-primary" is paused
    Then a clone of "ada/outage" by "ada" is refused with the status 503
    And a push by "ada" to "ada/outage" is refused with the status 503
    When the component "postgresql-primary" is resumed
    Then a clone of "ada/outage" by "ada" is whole and stands at the pushed commit within 60 seconds

  Scenario: A git service that is killed in the middle of a push leaves a whole repository
    Given "ada" has an empty repository "ada/killed"
    And "ada" has pushed 1 files of 1 kilobytes to "ada/killed"
    When the component "git-http" is killed while "ada" pushes 64 megabytes to "ada/killed"
    And the component "git-http" is started again within 60 seconds
    Then "ada/killed" still stands at the commit pushed by "ada"
    And "ada" can push to "ada/killed" again

  Scenario: A clone that has begun is finished before the service stops
    Given "ada" has an empty repository "ada/graceful"
    And "ada" has pushed 64 files of 1024 kilobytes to "ada/graceful"
    When the component "git-http" is asked to stop while "a visitor" clones "ada/graceful"
    Then the clone that had begun is whole and stands at the pushed commit

  Scenario: A push is found by the search
    Given the component "search" is ready
    And the indexer runs
    And "ada" has an empty repository "ada/searchable"
    When "ada" pushes a file "hello.rs" with "fn wandering_albatross() {}" to "ada/searchable"
    Then searching for "wandering_albatross" as "a visitor" finds "hello.rs" within 30 seconds
