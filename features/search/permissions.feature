Feature: A private repository shows up nowhere for those who may not read it

  Not in hits, not in counts, not in facets, not in what is suggested: a number is a leak too.

  Background:
    Given the forge is filled with real code and indexed within 600 seconds
    And the private repository "ada/secret" contains:
      | path      | content                        |
      | secret.rs | fn obsidianfalcon() {}         |
      | notes.md  | obsidianfalcon nests at night  |
    And the repository "ada/open" contains:
      | path      | content                        |
      | open.rs   | fn obsidianfalcon_public() {} // obsidianfalcon |
    And "bela" may read "ada/secret" as a collaborator
    And an issue "obsidianfalcon sighted" in the repository "ada/secret"

  Scenario Outline: Who may read it sees it, who may not sees not even a number
    When <who> searches for: obsidianfalcon repo:ada/secret
    Then the total is <total>
    And the facet "repository" counts <total> for "ada/secret"
    When <who> searches for: "obsidianfalcon"
    Then the total is <everything>

    Examples:
      | who            | total | everything |
      | a visitor      | 0     | 1          |
      | the user cleo  | 0     | 1          |
      | the user bela  | 2     | 3          |
      | the user ada   | 2     | 3          |

  Scenario Outline: No kind of record gives it away
    When the user ada searches for: <query>
    Then there is at least 1 hit
    When a visitor searches for: <query>
    Then the total is 0

    Examples:
      | query                                |
      | type:issue obsidianfalcon            |
      | type:repo secret is:private          |
      | repo:ada/secret path:secret.rs       |
      | repo:ada/secret file:secret.rs       |
      | repo:ada/secret /obsidian\w+\(/      |
      | repo:ada/secret sym:obsidianfalcon   |

  Scenario: Making a repository private hides it at once, before any indexing
    Given the repository "ada/closing" contains:
      | path   | content          |
      | a.txt  | cormorantine     |
    Then searching for "cormorantine" finds exactly "a.txt"
    When the repository "ada/closing" is made private and nothing is indexed
    And a visitor searches for: cormorantine
    Then the total is 0
    And the facet "repository" counts nothing
    When the user ada searches for: cormorantine
    Then the total is 1

  Scenario: Deleting a repository hides it at once, before any indexing
    Given the repository "ada/leaving" contains:
      | path   | content          |
      | a.txt  | shearwaterish    |
    Then searching for "shearwaterish" finds exactly "a.txt"
    When the repository "ada/leaving" is deleted and nothing is indexed
    And a visitor searches for: shearwaterish
    Then the total is 0
    When the user ada searches for: shearwaterish
    Then the total is 0

  Scenario: Losing access takes effect at the next search
    When "bela" may no longer read "ada/secret"
    And the user bela searches for: repo:ada/secret obsidianfalcon
    Then the total is 0

  Scenario: A forged filter does not widen what is seen
    When the user bela searches for: obsidianfalcon or repo:ada/secret
    Then some hit is in the repository "ada/secret"
    When a visitor searches for: obsidianfalcon or repo:ada/secret
    Then no hit is in the repository "ada/secret"
    When a visitor searches for: obsidianfalcon visibility:private OR repo:"ada/secret' OR 1=1"
    Then no hit is in the repository "ada/secret"
