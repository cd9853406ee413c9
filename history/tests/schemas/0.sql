-- A file that was made and never filled.
PRAGMA user_version = 0;
