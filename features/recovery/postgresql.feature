@needs-local @needs-barman
Feature: Rows survive the loss of the database

  WAL goes to a bucket as it is written, base backups beside it, all of it sealed before it leaves the machine. What comes
  back is asked on both sides of the point: what was written before it is there, what came after it is not.

  Background:
    Given a database whose WAL is archived, with a base backup

  Scenario: Rows of the last seconds survive the loss of the primary and of the receiver beside it
    Given rows are written ten times a second
    When the primary and its receiver are killed at once
    And the archive is restored as far as it reaches
    Then no row is missing that was older than 5 seconds
    And every index, sequence and collation of it is as it must be

  Scenario: A restore to a named point has what was before it, and not what came after
    Given the canary "before the point"
    And the named point "release"
    And the canary "after the point"
    When the archive is restored to the point "release"
    Then the canary "before the point" is there
    And the canary "after the point" is not there
    And every index, sequence and collation of it is as it must be

  Scenario: A restore to a time between two points has what was before it, and not what came after
    Given the canary "before the time"
    And that moment is remembered
    And the canary "after the time"
    When the archive is restored to that moment
    Then the canary "before the time" is there
    And the canary "after the time" is not there

  Scenario: A restored server does not archive into the folder that it came from
    Given the named point "quiet"
    When the archive is restored to the point "quiet"
    And 3 segments of WAL are written to the restored server
    Then the bucket holds what it held before

  Scenario: Nothing that was written can be read in the bucket
    Given a text that can be recognised is written to a table and archived
    When a base backup is taken
    Then that text is in no object of the bucket

  Scenario: A missing segment in the middle is named, and what lies behind it is not claimed
    Given a copy of the archive
    And a segment after its base backup is taken out of it
    When the copy is checked
    Then the rule "WAL_MISSING" names that segment
    And the verdict is not "pass"

  Scenario: A flipped bit in a base backup is named, and no server comes up from it
    Given a copy of the archive
    And a bit of its base backup is flipped
    When the copy is read whole
    Then the rule "BASE_DAMAGED" names that object
    When the copy is restored as far as it reaches
    Then that fails as "BASE_DAMAGED"

  Scenario: A flipped bit in a segment is named, and no server comes up without what it holds
    Given a copy of the archive
    And a bit of a segment after its base backup is flipped
    When the copy is read whole
    Then the rule "WAL_DAMAGED" names that object
    When the copy is restored as far as it reaches
    Then that fails as "WAL_DAMAGED"

  Scenario: Another server's segment is named
    Given a copy of the archive
    And a segment of another server is laid over one of its own
    When the copy is read whole
    Then the rule "WAL_FOREIGN" names that object

  Scenario: A whole archive breaks no rule
    When the archive is read whole
    Then no rule is broken

  Scenario: A base backup that waits for its WAL is no success
    Given a copy of the archive
    And it lacks the WAL that its base backup needs, and all after it
    When the copy is checked
    Then the rule "BACKUP_WAITING" is broken
    And the verdict is "could_not_verify"

  Scenario: A bucket that is away keeps nobody from writing, and is seen
    Given the store is killed
    When 3 segments of WAL are written
    Then the canary "while the bucket was away" can be written
    And the metrics tell of a failing archive and an absent bucket within 30 seconds
    When the store is there again
    Then everything that was written is archived within 60 seconds
    And the archive has no gap

  Scenario: A killed archiver loses nothing and leaves nothing half
    When the archiver is killed with SIGKILL in the middle of a segment
    Then everything that was written is archived within 60 seconds
    And the archive has no gap

  Scenario: A segment that is archived already may come again, and another one of its name may not
    When an archived segment is archived once more
    Then that succeeds
    When other content is archived under that name
    Then that is refused as "WAL_CONFLICT"
    And the archived segment is what it was

  Scenario: Of two base backups at once the second is refused, naming the first
    When two base backups are begun at once
    Then one is taken
    And the other is refused as "BACKUP_RUNNING", naming the session of the first

  Scenario: A killed base backup is none, and the next one succeeds without a hand
    When a base backup is killed with SIGKILL while it runs
    Then no base backup was added
    And none of its processes is left within 10 seconds
    When a base backup is taken
    Then one base backup was added
    And nothing unsealed lies in the staging folder

  Scenario Outline: What must not be begun is refused before anything is touched
    When a restore is tried with <obstacle>
    Then it is refused as "<rule>", naming <what>
    And nothing was touched

    Examples:
      | obstacle                          | rule              | what       |
      | a folder that is not empty        | TARGET_NOT_EMPTY  | the folder |
      | the folder of a running server    | TARGET_LIVE       | the folder |
      | a time before the archive         | TARGET_OUTSIDE    | the bucket |
      | a time after the archive          | TARGET_OUTSIDE    | the bucket |
      | a point that nobody set           | TARGET_OUTSIDE    | the bucket |
      | an empty bucket                   | STORE_EMPTY       | the bucket |
      | a bucket that is not there        | STORE_EMPTY       | the bucket |
      | a store that does not answer      | STORE_UNREACHABLE | the bucket |
      | credentials of somebody else      | STORE_FOREIGN     | the bucket |
      | a folder of something else        | STORE_FOREIGN     | the bucket |
      | another key                       | KEY_WRONG         | the bucket |
      | programs of another major version | VERSION_MISMATCH  | the host   |

  Scenario: The folder of one server cannot become another's
    Given a copy of the archive that says it is another server's
    When the server begins to archive into the copy
    Then that is refused as "STORE_FOREIGN"
    And the server archives where it did

  Scenario: Programs of another major version are refused before anything is archived with them
    When the server begins to archive with programs of another major version
    Then that is refused as "VERSION_MISMATCH"
    And the server archives where it did

  Scenario: A database that nobody backs up does not fill its disk with WAL
    Given what the metrics told before the database's WAL was archived
    Then it was not called archiving
    And no segment waited to be archived

  Scenario: What is surplus may go, and nothing that is still needed
    Given a copy of the archive with two base backups
    When the copy is pruned so that one base backup stays
    Then the newest base backup and all WAL from it on is still there
    And the older one and the WAL before the newest is not there
