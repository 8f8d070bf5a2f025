"""What happened to the feedback before it trained: who changed it, lost it, or counted it twice.

Which pipelines are a feature's
    A ledger names pipelines, not features. A pipeline belongs to a feature if its `pipeline_id` is
    the feature's id or begins with it and a slash (`support-intents/training`); if it made what a
    component of the feature is, was trained on or was derived from (`components`,
    `component_edges`: two hops, by SHA-256 or component id); or if rows of its steps name feedback
    on the feature. Pipelines that made what these read belong too. One pipeline may belong to
    several features, and is judged for each.
Which steps are judged
    What is in force: of each pipeline the newest step of its kind, because a training set that
    was spoilt in spring is still in the model until the pipeline has run again. After
    `window_days` a step counts no more.
"""
