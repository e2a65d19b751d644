Feature: Issues, pull requests, wiki pages, people and repositories are found

  Background:
    Given the forge is filled with real code and indexed within 600 seconds

  Scenario: An issue is found by a word of its title, its text and its comments
    Given an issue "Kingfisher dives too deep" by "ada" in a public repository with the text "see plumage" and the comment "confirmed wingbeat"
    When a visitor searches for: type:issue kingfisher
    Then the first hit is titled "Kingfisher dives too deep"
    When a visitor searches for: type:issue plumage
    Then the first hit is titled "Kingfisher dives too deep"
    When a visitor searches for: type:issue wingbeat
    Then the first hit is titled "Kingfisher dives too deep"

  Scenario: A closed issue is not among the open ones
    Given an issue "Sandpiper runs aground" by "ada" in a public repository with the text "shallow" and the comment "closing"
    And that issue is closed
    When a visitor searches for: type:issue is:open sandpiper
    Then the total is 0
    When a visitor searches for: type:issue is:closed sandpiper
    Then the total is 1

  Scenario: Dotted names are found whole and by part
    Given an issue "console.log prints nothing for list_users 699" by "ada" in a public repository with the text "x" and the comment "y"
    When a visitor searches for: type:issue log
    Then some hit is titled "console.log prints nothing for list_users 699"
    When a visitor searches for: type:issue console.log
    Then some hit is titled "console.log prints nothing for list_users 699"
    When a visitor searches for: type:issue list_users
    Then some hit is titled "console.log prints nothing for list_users 699"
    When a visitor searches for: type:issue users
    Then some hit is titled "console.log prints nothing for list_users 699"
    When a visitor searches for: type:issue 699
    Then some hit is titled "console.log prints nothing for list_users 699"

  Scenario: A wiki page is found, and its old text is not
    Given the wiki of the repository "ada/handbook" has the page "Moulting.md" saying "feathers fall in autumn"
    When a visitor searches for: type:wiki autumn
    Then the first hit is titled "Moulting"
    Given the wiki of the repository "ada/handbook" has the page "Moulting.md" saying "feathers fall in spring"
    When a visitor searches for: type:wiki repo:ada/handbook autumn
    Then the total is 0

  Scenario: A person is found by name, never by e-mail address
    Given the user "gannet" named "Greta Gannet" with the e-mail address "diver@sea.example"
    When a visitor searches for: type:user gannet
    Then the first hit is titled "gannet"
    When a visitor searches for: type:user diver@sea.example
    Then the total is 0

  Scenario: A repository is found by its name and not by its old one
    Given the repository "ada/curlew" contains:
      | path | content |
      | a    | x       |
    When a visitor searches for: type:repo curlew
    Then the first hit is titled "ada/curlew"
    When the repository "ada/curlew" is renamed to "whimbrel" and the forge is indexed within 60 seconds
    And a visitor searches for: type:repo curlew
    Then the total is 0
    When a visitor searches for: type:repo whimbrel
    Then the first hit is titled "ada/whimbrel"
