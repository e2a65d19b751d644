@needs-local @needs-barman @needs-restic
Feature: Whatever happens while a set is taken, the next one is whole without a hand

  Each seed chooses what is done and when: programs and services are killed, the object store is killed, answers 503, is
  full, has revoked the key, is slow or cuts connections, the disk fills. It counts only if it was done inside the run of
  a set. People push meanwhile; what was accepted is in the next set, and no set claims what it does not have.

  Background:
    Given a forge of which a set was taken

  Scenario Outline: The harm of seed <seed> loses nothing
    When the harm of the seed <seed> is done while a set is taken and people push
    Then the next set is whole, without a hand
    And the harm is told in one line

    Examples:
      | seed |
      | 1    |
      | 2    |
      | 3    |
      | 4    |
      | 5    |
      | 6    |
      | 7    |
      | 8    |
      | 9    |
      | 10   |
      | 11   |
      | 12   |

  @needs-root
  Scenario: A disk that fills while a set is taken loses nothing
    When the harm of the seed 13 is done while a set is taken and people push
    Then the next set is whole, without a hand
    And the harm is told in one line
