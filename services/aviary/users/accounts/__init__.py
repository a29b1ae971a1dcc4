"""What people do with their own account: settings, sessions, names, passwords, leaving."""
