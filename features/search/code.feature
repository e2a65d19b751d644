Feature: Code is found by what it is, not only by what it says

  Whoever looks for a definition gets the definition first, and whoever types punctuation gets that punctuation.

  Background:
    Given the forge is filled with real code and indexed within 600 seconds

  Scenario: A definition outranks every mention of its words
    When a visitor searches for: fn main
    Then the first 10 hits define "main" at the shown line of the shown blob
    And the shown line of the first 10 hits contains "fn main"
    And the first 10 hits are written in "Rust"

  Scenario: Another language's main is not among the first hits for fn main
    When a visitor searches for: fn main
    Then none of the first 10 hits is written in "Go"
    And none of the first 10 hits is written in "C"
    And none of the first 10 hits is written in "Markdown"

  Scenario: The keyword decides the language
    When a visitor searches for: func main
    Then the first hit is written in "Go"
    And the shown line of the first hit contains "func main("

  Scenario Outline: Punctuation is found as it is typed
    When a visitor searches for: <query>
    Then there is at least 1 hit
    And the shown line of every hit contains the text: <text>

    Examples:
      | query                | text               |
      | std::vector          | std::vector        |
      | "#include <stdio.h>" | #include <stdio.h> |
      | ->                   | ->                 |
      | case:yes "return nil, err" | return nil, err |

  Scenario: What is typed side by side is shown side by side where it stands so
    When a visitor searches for: #include <stdio.h>
    Then the shown line of the first hit contains "#include <stdio.h>"

  Scenario: A quoted phrase does not match its words apart or in another order
    Given the repository "ada/phrases" contains:
      | path  | content                         |
      | a.txt | the quick brown kestrel jumps   |
      | b.txt | brown the kestrel quick jumps   |
    When a visitor searches for: repo:ada/phrases "quick brown kestrel"
    Then exactly these files are found:
      | path  |
      | a.txt |

  Scenario: An unknown prefix is text, not a filter
    Given the repository "ada/links" contains:
      | path     | content                                |
      | link.md  | see https://forge.example/ada for more |
      | other.md | see the forge for more                 |
    When a visitor searches for: repo:ada/links https://forge.example/ada
    Then exactly these files are found:
      | path    |
      | link.md |

  Scenario: A path with odd characters is found by its name
    Given the repository "ada/paths" contains:
      | path               | content      |
      | tests++/a b#1.txt  | odd-path-one |
      | 100%/测试.txt        | odd-path-two |
    When a visitor searches for: repo:ada/paths path:测试.txt
    Then exactly these files are found:
      | path        |
      | 100%/测试.txt |

  Scenario: sym: finds definitions and nothing that only mentions them
    Given the repository "ada/symbols" contains:
      | path      | content                             |
      | def.py    | def zebra_crossing():\n    return 1 |
      | use.py    | print(zebra_crossing())             |
      | README.md | call zebra_crossing                 |
    When a visitor searches for: repo:ada/symbols sym:zebra_crossing
    Then exactly these files are found:
      | path   |
      | def.py |

  Scenario: Part of an identifier finds it, an identifier is never matched by a typo
    Given the repository "ada/identifiers" contains:
      | path  | content                                |
      | a.go  | package a\nfunc parseHTTPRequest() {}  |
      | b.go  | package a\nfunc parseHTTPRequost() {}  |
    When a visitor searches for: repo:ada/identifiers parseHTTPRequest
    Then exactly these files are found:
      | path |
      | a.go |
    When a visitor searches for: repo:ada/identifiers http request
    Then exactly these files are found:
      | path |
      | a.go |

  Scenario: Upper and lower case are told apart when asked
    Given the repository "ada/cases" contains:
      | path  | content           |
      | a.txt | value_of_Falcon   |
      | b.txt | value_of_falcon   |
    When a visitor searches for: repo:ada/cases case:yes "value_of_Falcon"
    Then exactly these files are found:
      | path  |
      | a.txt |

  Scenario: A regular expression matches lines and nothing else
    Given the repository "ada/regexes" contains:
      | path  | content             |
      | a.txt | let ibis42 = 1      |
      | b.txt | let ibis = 42       |
    When a visitor searches for: repo:ada/regexes /ibis\d+ =/
    Then exactly these files are found:
      | path  |
      | a.txt |

  Scenario: A query that cannot be understood says so and where
    When a visitor searches for: /unclosed(/
    Then the search is refused, naming "unclosed("

  Scenario: The last word of a large file is found
    Given the repository "ada/large" contains a text file "large.txt" of 1500 kilobytes ending in "lastwordoftheverylargefile"
    When a visitor searches for: repo:ada/large lastwordoftheverylargefile
    Then exactly these files are found:
      | path      |
      | large.txt |
