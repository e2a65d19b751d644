Feature: The object store keeps its promises

  Backups and artefacts rest on these, so each is tried out on the store itself: the one of the stack, or any S3_ENDPOINT.

  Background:
    Given an object store that answers

  Scenario: What is written is read back, byte for byte
    When an object of 3 megabytes is written
    Then it is read back with the same checksum
    And a range of it is read back exactly

  Scenario: A large object is written in parts, and a broken-off one leaves no object
    When an object of 12 megabytes is written in parts
    Then it is read back with the same checksum
    When an object is begun in parts and broken off
    Then there is no such object

  Scenario: Writing only where nothing is, is refused where something is
    Given an object exists
    When the same key is written on the condition that nothing is there
    Then the store refuses it as PreconditionFailed or 412
    And the first content is still there

  Scenario: With versioning the overwritten and the deleted content can be had back
    Given a bucket with versioning
    When an object is overwritten and then deleted
    Then both versions can still be read

  Scenario: A locked object cannot be deleted
    Given a bucket with object lock
    And an object that is locked for 1 hour
    When that version is deleted
    Then the store refuses it as AccessDenied or InvalidRequest
    And that version can still be read

  Scenario: Wrong credentials are refused
    When the store is asked with a wrong secret key
    Then the store refuses it as SignatureDoesNotMatch or InvalidAccessKeyId or AccessDenied
