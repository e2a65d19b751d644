Feature: Facets count what the hits show

  Background:
    Given the forge is filled with real code and indexed within 600 seconds
    And the repository "ada/colours" contains:
      | path       | content                    | author | date       |
      | one.rs     | fn heliotrope() {}         | Ada    | 2021-03-01 |
      | two.rs     | fn heliotrope_two() { heliotrope() } | Bela | 2022-03-01 |
      | three.go   | package a // heliotrope    | Ada    | 2023-03-01 |
      | four.md    | a heliotrope is a plant    | Cleo   | 2023-04-01 |
      | other.md   | nothing to see             | Cleo   | 2023-04-01 |

  Scenario: Every facet value counts exactly the hits it leads to
    When a visitor searches for: repo:ada/colours heliotrope
    Then the total is 4
    And the facet "language" counts:
      | value    | files |
      | Rust     | 2     |
      | Go       | 1     |
      | Markdown | 1     |
    And the facet "author" counts:
      | value | files |
      | Ada   | 2     |
      | Bela  | 1     |
      | Cleo  | 1     |
    And the facet "year" counts:
      | value | files |
      | 2023  | 2     |
      | 2022  | 1     |
      | 2021  | 1     |
    And the facet "repository" counts:
      | value       | files |
      | ada/colours | 4     |
    And choosing any value of any facet gives exactly as many hits as it counted

  Scenario Outline: A filter keeps what fits and nothing else
    When a visitor searches for: repo:ada/colours heliotrope <filter>
    Then exactly these files are found:
      | path     |
      | <first>  |
      | <second> |

    Examples:
      | filter                              | first    | second   |
      | lang:rust                           | one.rs   | two.rs   |
      | author:Ada                          | one.rs   | three.go |
      | after:2023-01-01                    | three.go | four.md  |
      | before:2023-01-01                   | one.rs   | two.rs   |
      | -lang:markdown -author:Bela         | one.rs   | three.go |

  Scenario: A file that is cut into parts is counted once
    Given the repository "ada/parts" contains a text file "parts.txt" of 1200 kilobytes ending in "nightjar"
    When a visitor searches for: repo:ada/parts filler
    Then the total is 1
    And the facet "repository" counts:
      | value     | files |
      | ada/parts | 1     |

  Scenario: A filter that nothing fits gives nothing, not everything
    When a visitor searches for: repo:ada/no-such-repository heliotrope
    Then the total is 0
    And the facet "language" counts nothing

  Scenario: A language nobody knows is refused with a suggestion
    When a visitor searches for: heliotrope lang:rsut
    Then the search is refused, naming "Rust"
