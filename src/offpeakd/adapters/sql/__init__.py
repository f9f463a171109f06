"""The store on SQLite or PostgreSQL, by one code. SQLAlchemy, Alembic and psycopg live here."""
