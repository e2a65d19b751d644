@needs-local
Feature: A stack leaves nothing behind

  Scenario: Stopping leaves no process, port or folder
    Given a second stack with "redis" is started within 60 seconds
    When it is stopped
    Then none of its processes is left within 20 seconds
    And none of its ports answers
    And its folder is gone

  Scenario: Two stacks side by side do not meet
    Given a second stack with "redis" is started within 60 seconds
    Then both stacks have other ports and other passwords
    And a key written to one is not in the other

  Scenario: A killed command leaves nothing that the next start does not clean up
    Given a command that started a stack with "redis"
    When that command is killed with SIGKILL
    Then none of its processes is left within 30 seconds
    And the next start finds nothing left to clean up, or cleans it up

  Scenario: An interrupted command stops what it started
    Given a command that started a stack with "redis"
    When that command is interrupted with SIGINT
    Then none of its processes is left within 30 seconds
    And its folder is gone

  Scenario: A component that dies by itself is named, with its last words
    Given a second stack with "redis" is started within 60 seconds
    When its component "redis-2" dies without being killed on purpose
    Then the stack names "redis-2" as dead
