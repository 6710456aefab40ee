"""The main job: a scripted teacher who shows objects to the running graph and teaches them."""
