@needs-chromium
Feature: A person finds code in the browser

  Background:
    Given the component "web" is ready
    And the component "search" is ready
    And the forge holds real code that can be searched

  Scenario: Sign in, search, narrow by a facet, open the file at the line
    Given there is a user "ada"
    And a browser
    When "ada" signs in through the page
    And the page is searched for "fn main"
    Then hits are shown
    When the facet "Rust" is chosen
    Then every shown hit is written in "Rust"
    And a picture of the page is in the report
    When the first hit's line is opened
    Then the page shows the file at that line
    And a picture of the page is in the report

  Scenario: Suggestions come as one types, and the keyboard is enough
    Given a browser
    When "new" is typed into the search box
    Then suggestions are shown within 10 seconds
    When the arrow key and Enter are pressed
    Then another page is shown
    And a picture of the page is in the report

  Scenario: The search page works without scripts
    Given a browser without scripts
    When the page is searched for "fn main"
    Then hits are shown

  Scenario: What a visitor may not see is on no page
    Given "ada" has an empty private repository "ada/unseen"
    And a browser
    When a visitor opens "/ada/unseen"
    Then the page says that there is no such thing

  Scenario: A wrong password says so and tells no more
    Given there is a user "ada"
    And a browser
    When somebody signs in through the page as "ada" with a wrong password
    Then the page says that the name or the password is wrong

  Scenario: An outage is called an outage
    Given a browser
    When the component "postgresql-primary" is paused
    And a visitor opens "/"
    Then the page says that the forge can't answer now
