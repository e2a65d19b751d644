@needs-local @needs-barman
Feature: Pushes survive the loss of git and of the database

  Every accepted push goes to a bucket as it happens: what it brought as a pack, how refs moved as an entry. The database
  keeps what refs were, so git comes back for every moment that the database comes back for.

  Background:
    Given a database whose WAL is archived, with a base backup
    And a forge on it whose pushes are shipped

  Scenario: A push is in the bucket within seconds
    When a commit is pushed
    Then it is in the bucket within 5 seconds
    And a repository that is made of the bucket alone has it

  Scenario: Nothing of a push can be read in the bucket
    When a text that can be recognised is pushed to a branch of that name
    Then it is in the bucket within 5 seconds
    And that text is in no object of the bucket

  Scenario: Any moment between two pushes comes back with exactly its refs
    Given a repository to which this happens, each moment remembered
      | what                             |
      | a first push                     |
      | a push to another branch         |
      | a tag is set                     |
      | a pull request is opened         |
      | a force-push that drops a commit |
      | the other branch is deleted      |
      | a page of its wiki is written    |
      | it gets another name             |
      | it is deleted                    |
    When the forge is restored to the moment after "a force-push that drops a commit"
    Then git has exactly the refs of that moment
    When the forge is restored to the moment after "it gets another name"
    Then git has exactly the refs of that moment
    When the forge is restored to the moment after "it is deleted"
    Then git has exactly the refs of that moment

  Scenario: A shipper that is killed in the middle, again and again, loses nothing
    Given pushes go on to 3 repositories
    When the shipper is killed with SIGKILL 4 times while it ships
    And the pushes end and a new shipper takes over
    Then every push is in the bucket within 30 seconds
    And nothing of the journal is missing, doubled or damaged
    And a forge that is made of the bucket has what git has

  Scenario: A bucket that is away keeps nobody from pushing, and is caught up with
    Given the store is killed
    When 5 commits are pushed
    Then the metrics tell of 5 pushes that wait and of failures to ship them within 30 seconds
    When the store is there again
    Then every push is in the bucket within 30 seconds
    And nothing of the journal is missing, doubled or damaged

  Scenario: Pushes that went by the database are found
    Given a branch that was pushed and announced to nobody
    When git is compared with the database
    Then the branch is in the journal as seen
    And every push is in the bucket within 30 seconds

  Scenario: What is broken is named
    Given a copy of the archive with three pushes
    Then the copy breaks no rule
    When the second push's entry is taken out of the copy
    Then the copy breaks "JOURNAL_GAP"
    When a bit of the third push's pack is flipped in the copy
    Then the copy breaks both "JOURNAL_GAP" and "PACK_DAMAGED"

  Scenario: The last pushes survive the loss of the database, of git and of the shipper at once
    Given pushes go on to 2 repositories
    When the primary, its receiver, git and the shipper are lost at once
    And the forge is restored as far as the bucket reaches
    Then no push is missing that was older than 5 seconds
