Feature: Every component does what the forge relies on

  Scenario: The replica catches up with the primary
    Given the database primary and its replica are ready
    When a row is written on the primary
    Then the replica shows that row within 10 seconds

  Scenario: The replica refuses writes
    Given the database primary and its replica are ready
    Then writing on the replica is refused as read-only

  Scenario: The replica loses nothing when it was stopped for a while
    Given the database primary and its replica are ready
    And the component "postgresql-replica" is killed
    When 500 rows are written on the primary
    And the component "postgresql-replica" is started again within 60 seconds
    Then the replica shows those 500 rows within 30 seconds

  Scenario: Data pages carry checksums
    Given the database primary and its replica are ready
    Then the database setting "data_checksums" is "on"

  Scenario: The cache answers through a killed node
    Given the cache cluster is ready with 3 primaries and 3 replicas
    And 200 keys are written to the cache
    When the primary that owns the key "key-7" is killed
    Then all 200 keys are readable within 30 seconds
    And a key can be written to every slot range within 30 seconds

  Scenario: The cache refuses a client without the password
    Given the cache cluster is ready with 3 primaries and 3 replicas
    Then a client without the password is refused

  Scenario: A paused component is not called ready
    Given the component "redis-1" is ready
    When the component "redis-1" is paused
    Then its status is not "ready" within 10 seconds
    When the component "redis-1" is resumed
    Then its status is "ready" within 30 seconds
