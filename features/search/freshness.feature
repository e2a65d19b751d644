Feature: What was pushed is found, what is gone is not

  Every change is compared with what is indexed, so it does not matter how the history came about.

  Background:
    Given the forge is filled with real code and indexed within 600 seconds
    And the repository "ada/fresh" contains exactly:
      | path       | content             |
      | kept.txt   | untouchedpuffin     |
      | a.txt      | oldauk in a         |
      | b.txt      | steadyauk in b      |

  Scenario: A push replaces the old text
    When "a.txt" of "ada/fresh" is changed to "newauk in a" and the forge is indexed within 60 seconds
    Then searching for "repo:ada/fresh newauk" finds exactly "a.txt"
    And searching for "repo:ada/fresh oldauk" finds nothing

  Scenario: A renamed file is found under its new path only
    When "a.txt" of "ada/fresh" is renamed to "moved/c.txt" and the forge is indexed within 60 seconds
    Then searching for "repo:ada/fresh oldauk" finds exactly "moved/c.txt"
    And searching for "repo:ada/fresh path:a.txt" finds nothing

  Scenario: A deleted file is gone
    When "a.txt" of "ada/fresh" is deleted and the forge is indexed within 60 seconds
    Then searching for "repo:ada/fresh oldauk" finds nothing
    And searching for "repo:ada/fresh steadyauk" finds exactly "b.txt"

  Scenario: A force-push to unrelated history leaves nothing of the old one
    When "ada/fresh" is force-pushed to an orphan commit with "z.txt" saying "orphanauk" and the forge is indexed within 60 seconds
    Then searching for "repo:ada/fresh orphanauk" finds exactly "z.txt"
    And searching for "repo:ada/fresh oldauk" finds nothing
    And searching for "repo:ada/fresh untouchedpuffin" finds nothing

  Scenario: A change and its revert between two runs leave the text findable once
    When "a.txt" of "ada/fresh" is changed and changed back before the forge is indexed within 60 seconds
    Then searching for "repo:ada/fresh oldauk" finds exactly "a.txt"

  Scenario: A file that becomes a symlink loses its content
    When "a.txt" of "ada/fresh" becomes a symlink to "b.txt" and the forge is indexed within 60 seconds
    Then searching for "repo:ada/fresh oldauk" finds nothing
    And searching for "repo:ada/fresh steadyauk" finds exactly "b.txt"
    And searching for "repo:ada/fresh path:a.txt" finds exactly "a.txt"

  Scenario: A file that grows past the limit is found by name and counted, not by content
    When "a.txt" of "ada/fresh" grows to 3000 kilobytes and the forge is indexed within 60 seconds
    Then searching for "repo:ada/fresh oldauk" finds nothing
    And searching for "repo:ada/fresh path:a.txt" finds exactly "a.txt"
    And "a.txt" of "ada/fresh" has the status "too_large"

  Scenario: Another default branch is another tree
    When "ada/fresh" gets the default branch "trunk" with "t.txt" saying "trunkauk" and the forge is indexed within 60 seconds
    Then searching for "repo:ada/fresh trunkauk" finds exactly "t.txt"
    And searching for "repo:ada/fresh oldauk" finds nothing

  Scenario: Indexing an unchanged forge writes nothing
    When the forge is indexed again within 60 seconds
    Then that run wrote nothing

  Scenario: What was pushed while the engine was down is found by the next run, and was not called done before
    Given the search engine is killed
    When "a.txt" of "ada/fresh" is changed to "patientauk in a" and indexing is tried
    Then that run failed, naming the engine
    When the search engine is started again and the forge is indexed within 120 seconds
    Then searching for "repo:ada/fresh patientauk" finds exactly "a.txt"
    And searching for "repo:ada/fresh oldauk" finds nothing
