@needs-local @needs-barman @needs-restic
Feature: A drill proves that the forge comes back whole, from bucket and keys alone

  Nobody knows that a backup is one before it was restored. The drill restores a set into an empty place, compares all
  that came back with what the set says and with itself, and has the forge work. What it could not try is no pass.

  Background:
    Given a forge with a secret, an object and a pull request, of which a set with canaries was taken

  Scenario: A forge that is whole comes back, and does what a forge does
    Given its WAL and its pushes are shipped all the time
    And there was no drill of it yet, which is an alarm
    When an operator runs `engineroom drill`
    Then it passes, and every stage of it ran
    And it says how long the first push took and what a loss would take
    And its page, its JSON and the terminal say the same
    And the drill is recent for 26 hours, and late for an hour of no length

  Scenario Outline: What is damaged in the bucket fails the drill by its name, and what could not be tried is said
    Given a copy of the sets
    When a byte of <what> is flipped there and a drill of the copy is carried out
    Then it fails by "<rule>" in the stage "<stage>"
    And no stage after that one ran, and it says so

    Examples:
      | what                | rule            | stage   |
      | a base backup       | BASE_DAMAGED    | restore |
      | the point's WAL     | WAL_DAMAGED     | recover |
      | a content           | BLOB_DAMAGED    | restore |

  Scenario: What database and git do not agree about is named, and the rest of the drill goes on
    Given a row names a commit that no git repository has
    And a set with canaries is taken of that
    When a drill is carried out
    Then it fails by "COMMIT_MISSING" in the stage "reconcile"
    And every stage of it ran

  Scenario: Without the right key nothing is touched
    When a drill is carried out with another key
    Then it fails by "KEY_WRONG" in the stage "inspect"
    And nothing was restored
