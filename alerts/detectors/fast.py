"""Has the weight risen by more than 3 lb in 1 day or 5 lb in 3 days? The rule of FAST: Abraham 2011.

Congest Heart Fail 17:51 (clinical.md §2, row 2): 156 patients, 22.5 % of 65 events, 4.3 false alerts
per patient-year.
"""

from alerts.detectors.rule import Limit, Rule

NAME = "fast"
VERSION = "1"
THRESHOLD = "peer_threshold"
RULE = Rule((Limit(1.36078, 1), Limit(2.26796, 3)))
scores, threshold, parameters = RULE.scores, RULE.threshold, RULE.parameters
would_not_fire_at_kg = RULE.would_not_fire_at_kg
