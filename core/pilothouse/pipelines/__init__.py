"""What joins the rest: retraining, schedules, the demo."""
