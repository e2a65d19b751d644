-- Which made-up content a reference forge was filled with, so that it is filled once.

CREATE TABLE corpus (
    name text PRIMARY KEY,
    sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    filled_at timestamptz NOT NULL DEFAULT now()
);
