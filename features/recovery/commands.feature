@needs-local @needs-barman @needs-restic
Feature: What an operator types brings a lost forge back into service, or says why not

  Background:
    Given a forge of which a set was taken

  Scenario: A forge that was restored is started, on a copy
    Given an operator restored the newest set into an empty folder
    When a stack is started from that folder
    Then its api and its git hand out what was in the set
    And the folder is still what was restored

  Scenario: A moment before the first set brings no object and no secret, and is no pass
    When an operator restores a moment after the first base backup and before the first set
    Then it is no pass and names PARTS_MISSING

  Scenario Outline: What cannot be restored is refused before anything is touched
    When an operator restores <what>
    Then it ends with <code> and names <why>
    And nothing was written

    Examples:
      | what                                     | code | why              |
      | into a folder that holds something       | 2    | TARGET_NOT_EMPTY |
      | a set that nobody took                   | 2    | SET_NONE         |
      | a time without its zone                  | 64   | zone             |
      | with another key                         | 2    | KEY_WRONG        |
      | from a bucket that is not there          | 2    | STORE_EMPTY      |
      | from a store that does not answer        | 2    | STORE_UNREACHABLE |

  Scenario: A folder that a restore did not finish starts no forge
    Given a folder in which a restore was interrupted
    When a stack is started from that folder
    Then it ends with 64 and names restored.json

  Scenario Outline: A set is given no name that a restore would not understand
    When an operator takes a set named <name>
    Then it ends with 64 and names no name for a set
    And there is no set more than before

    Examples:
      | name       |
      | latest     |
      | two words  |
      | 2026-01-01 |
      | ../x       |
