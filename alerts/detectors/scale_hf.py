"""Has the weight risen by more than 3 lb in 1 day or 5 lb in 7 days? The rule of SCALE-HF 1: Fudim, J Card Fail 2025.

(clinical.md §2, row 3): 329 patients, 35 % of 69 events (24) at 4.18 alerts per patient-year.
"""

from alerts.detectors.rule import Limit, Rule

NAME = "scale_hf"
VERSION = "1"
THRESHOLD = "peer_threshold"
RULE = Rule((Limit(1.36078, 1), Limit(2.26796, 7)))
scores, threshold, parameters = RULE.scores, RULE.threshold, RULE.parameters
would_not_fire_at_kg = RULE.would_not_fire_at_kg
