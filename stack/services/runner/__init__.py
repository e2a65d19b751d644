"""Takes jobs from the database and runs their steps, each job's to one end and no second."""
