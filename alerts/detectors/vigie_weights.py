"""With what weights does `vigie` weigh its features? Printed by `vigie bench fit`; in the order of NAMES."""

import numpy as np

BIAS = -3.9165
WEIGHTS = np.array(
    [
        0.8364,  # trend_1.5_5
        -0.3814,  # trend_1.5_10
        -0.5946,  # trend_3_20
        1.4158,  # trend_5_20
        -0.3878,  # trend_5_40
        -0.5658,  # trend_10_40
        0.711,  # trend_20_80
        0.325,  # newest_20
        0.018,  # lowest_of_2_20
        -0.921,  # median_of_3_20
        -0.2265,  # lowest_of_3_20
        0.9949,  # median_of_3_10
        0.1976,  # median_of_3_40
        -0.0293,  # median_of_3_80
        -2.3372,  # trend_1.5_5_within_2
        2.4264,  # trend_1.5_10_within_2
        -0.524,  # trend_3_20_within_2
        1.7269,  # trend_5_20_within_2
        -0.9382,  # trend_5_40_within_2
        -0.3021,  # trend_10_40_within_2
        -0.3278,  # trend_20_80_within_2
        -0.3653,  # newest_20_within_2
        0.0216,  # lowest_of_2_20_within_2
        -0.463,  # median_of_3_20_within_2
        0.6279,  # lowest_of_3_20_within_2
        0.1417,  # median_of_3_10_within_2
        0.0652,  # median_of_3_40_within_2
        0.0384,  # median_of_3_80_within_2
        -0.6756,  # trend_1.5_5_beyond_3
        1.1016,  # trend_1.5_10_beyond_3
        0.502,  # trend_3_20_beyond_3
        0.9642,  # trend_5_20_beyond_3
        -0.7349,  # trend_5_40_beyond_3
        0.3654,  # trend_10_40_beyond_3
        -0.5672,  # trend_20_80_beyond_3
        0.1485,  # newest_20_beyond_3
        0.3633,  # lowest_of_2_20_beyond_3
        -0.5015,  # median_of_3_20_beyond_3
        0.0586,  # lowest_of_3_20_beyond_3
        0.174,  # median_of_3_10_beyond_3
        0.0735,  # median_of_3_40_beyond_3
        0.1769,  # median_of_3_80_beyond_3
        0.2544,  # log_noise
        -0.015,  # step_in_noises
        -0.0728,  # step_kg
        -3.0531,  # kg_5_20
        2.8382,  # kg_10_40
        -1.2078,  # kg_20_80
        -0.2612,  # kg_median_20
        0.7454,  # log_usual_5_20
        -0.6511,  # log_usual_20_80
        0.4946,  # log_days_known
        -2.4073,  # usually_missed
        0.5168,  # missed_7
        0.0,  # missed_14
        0.0,  # missed_7_beyond_1
        0.4383,  # missed_14_beyond_1
        0.0,  # missed_14_beyond_2
    ]
)
