"""The shop that everybody writes first: one view, one transaction, one locked row. Same requests as ours.

Django REST framework, signed tokens, a serializer; the stock row is locked, counted down, and an order inserted whose
unique key keeps repetitions out. MariaDB commits durably, gunicorn runs it in threads that keep their connections.
"""
