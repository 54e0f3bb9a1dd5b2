"""Broken and hostile submissions, each with the finding that it must give.

``base`` makes an honest results folder, ``changes`` the ways to spoil one, and each module of cases a list ``CASES``.
Nothing is copied a hundred times: a case is the base and one change.
"""
