"""AI features die between teams: nobody answers, logs what is needed, or looks at alarms."""
