@needs-local @needs-barman @needs-restic
Feature: Whatever is killed while a set is taken, the next one is whole without a hand

  Each seed chooses what is killed and when. A kill counts only if it landed inside the run of what was killed. People push
  meanwhile; what was accepted is in the next set, and no set claims what it does not have.

  Background:
    Given a forge of which a set was taken

  Scenario Outline: A kill of seed <seed> loses nothing
    When something is killed at a moment of the seed <seed> while a set is taken and people push
    Then the next set is whole, without a hand
    And the kill is told in one line

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
