Feature: A job runs once to its end, and nothing it does reaches beyond it

  Background:
    Given the component "api" is ready
    And the component "runner" is ready
    And "ada" has a repository "ada/built" with the file "word.txt" saying "albatross"

  Scenario: A job runs the steps on the commit and its log can be read
    When "ada" runs a job with the step "cat word.txt" in "ada/built"
    Then the job has "succeeded" within 60 seconds
    And its log contains "albatross"
    And the commit's status is "success"

  Scenario: A step that fails fails the job, and the steps after it don't run
    When "ada" runs a job with the steps "echo one", "exit 7" and "echo three" in "ada/built"
    Then the job has "failed" within 60 seconds
    And its log contains "one"
    And its log does not contain "three"
    And the commit's status is "failure"

  Scenario: A job whose runner is killed runs again and succeeds once
    When "ada" runs a job with the step "sleep 4; echo finished" in "ada/built"
    And the runner is killed once the job runs, and started again
    Then the job has "succeeded" within 120 seconds
    And it took 2 attempts
    And the commit has one status "success" of it

  Scenario: A step that takes too long is ended with all it started
    When "ada" runs a job with the step "sleep 600 & sleep 600" that may take 2 seconds in "ada/built"
    Then the job has "failed" within 60 seconds
    And its log contains "time"
    And no process of the job is left

  Scenario: A step is told no secret of the forge
    When "ada" runs a job with the step "env; cat /proc/$PPID/environ 2>&1 || true; git config --list || true" in "ada/built"
    Then the job has "succeeded" within 60 seconds
    And its log contains no secret of the stack

  Scenario: A job that is cancelled stops
    When "ada" runs a job with the step "sleep 300" in "ada/built"
    And "ada" cancels the job once it runs
    Then the job has "cancelled" within 60 seconds
    And no process of the job is left

  Scenario: Who may only read may not run jobs
    Given "bela" is a collaborator of "ada/built" who may "read"
    When "bela" tries to run a job with the step "true" in "ada/built"
    Then the answer is 403 with the code "FORBIDDEN"
