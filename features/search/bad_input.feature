Feature: A file that cannot be read hides itself and nothing else

  Background:
    Given the forge is filled with real code and indexed within 600 seconds
    And the repository "ada/nasty" holds every odd file and is indexed within 120 seconds

  Scenario: Text in any encoding, of any length and under any path is found
    Then every odd file of "ada/nasty" that has text is found by the word in it

  Scenario Outline: What has no text is named with its status, and found by name
    Then "<path>" of "ada/nasty" has the status "<status>"
    And searching for "repo:ada/nasty path:<path>" finds exactly "<path>"

    Examples:
      | path | status |
      | binary.bin | binary |
      | empty.txt | empty |
      | huge.txt | too_large |
      | link.txt | symlink |
      | vendor/module | submodule |

  Scenario: A corrupt object is named, the rest of its repository is indexed
    Given the repository "ada/broken" is pushed with "good.txt" saying "soundplover" and a damaged "bad.txt"
    When indexing is tried
    Then that run reports "bad.txt" of "ada/broken"
    And searching for "repo:ada/broken soundplover" finds exactly "good.txt"

  Scenario: A repository whose git data is gone is named, the others are indexed
    Given the repository "ada/vanished" contains:
      | path  | content |
      | a.txt | x       |
    When the git data of "ada/vanished" disappears and the repository "ada/beside" is pushed with "b.txt" saying "neighbourplover"
    And indexing is tried
    Then that run reports the repository "ada/vanished"
    And searching for "repo:ada/beside neighbourplover" finds exactly "b.txt"
