@needs-local @needs-barman @needs-restic
Feature: A set holds one moment of the whole forge

  Database, git repositories, wikis, the object store and secrets are backed up as one, around a named point of the
  database. What makes a set exist is a signed catalogue, written last. It is checked with the bucket and a public key.

  Background:
    Given a forge of which a set was taken

  Scenario: What a set holds comes back as it was
    When the set's git repositories, objects and secrets are restored from bucket and keys
    Then every ref of every repository and wiki names what the forge had at the point
    And every object and secret has its content

  Scenario: A whole set breaks no rule, whoever looks
    Then the check with the public key alone finds nothing
    And the check with the seal key that reads everything finds nothing

  Scenario: A second set after one small push hardly adds anything
    Given a small push
    When another set is taken
    Then the bucket grew by less than 1 % of what the first set took
    And the new set names the pushed commit and the older one does not

  Scenario: Nothing that is in the forge can be read in the bucket
    Given a text that is in a commit, an object, a secret and a row
    When another set is taken
    Then no object of the bucket holds that text

  Scenario: Pushes that go on while a set is taken are on one side of its point or on the other
    Given people push all the time
    When another set is taken
    Then it breaks no rule, and every ref that it names comes back with all that it reaches
    And a database that is recovered to its point has exactly the rows and refs that it tells of
    And the slowest push meanwhile is told

  Scenario: Of two sets at once the second is refused, naming the first
    When another set is begun while one is being taken
    Then the one that was first is whole
    And the other one is refused as "BACKUP_RUNNING", naming who is at work

  Scenario: A killed backup leaves no set, and the next one succeeds without a hand
    When a backup is killed with SIGKILL while it saves git
    Then no set was added, and those that were there are whole
    And git gc is not held any more
    When another set is taken
    Then a whole set was added

  Scenario: One damaged repository is named and spoils no other
    Given a repository whose newest objects are lost
    When another set is taken
    Then the backup names that repository as "SOURCE_DAMAGED"
    And all other repositories come back from that set

  Scenario: A forge that has lost half of its repositories gets no set that could replace the older ones
    Given half of the repositories are gone
    When a set of what is left is tried
    Then it is no set, because of "REPOSITORIES_FELL"
    When a person says that this is meant
    Then a whole set was added

  Scenario Outline: A flipped byte in <what> is named
    Given a copy of the sets
    When a byte of <what> is flipped in the copy
    Then the check that reads everything says "<rule>", and the copied sets are no pass

    Examples:
      | what                | rule              |
      | a catalogue         | CATALOGUE_DAMAGED |
      | a list of refs      | MANIFEST_DAMAGED  |
      | a list of objects   | MANIFEST_DAMAGED  |
      | a content           | BLOB_DAMAGED      |
      | a pack of snapshots | SNAPSHOT_DAMAGED  |
      | a snapshot          | SNAPSHOT_DAMAGED  |

  Scenario: An interrupted upload is no set
    Given a copy of the sets with another one that is younger
    When the newest catalogue is not there yet in the copy
    Then the set before it is the newest one of the copy

  Scenario: A run that was held back is seen by the store's own clock
    When no set is taken for longer than the limit
    Then the check says "SET_STALE"

  Scenario: What is pruned is what no kept set needs
    Given a copy of the sets with another one that is younger
    When the copy is pruned so that one set stays
    Then the set that stays is whole, whoever reads all of it
    And the older sets and what only they held are gone from the copy

  @needs-rclone
  Scenario: A second bucket has everything, and does not follow a deletion
    When the sets are copied to a second bucket
    Then the second bucket's sets break no rule
    When a set is deleted from the first bucket's copy and it is copied again
    Then the second bucket still has that set

  Scenario: Immutability is claimed only where a deletion was refused
    Then a bucket that locks objects is proven to keep them
    And for a bucket without locks nothing is claimed

  Scenario: What is locked stays, and a set that lost locked objects all the same is named
    Then of every kind of object that the newest set needs one refuses to be deleted
    Given a copy of the sets
    When a snapshot is taken out of the copy
    Then the check of the copy says "LOCK_BROKEN", naming that snapshot

  Scenario: Credentials that may delete what they wrote are named
    Then the store's own account is named as "WRITER_DELETES"

  @needs-versitygw
  Scenario: Who writes backups cannot delete them, and who prunes can
    Given a store on which writer and pruner are two
    Then the writer can take a snapshot but can delete neither it nor any other object
    And the pruner can delete it
