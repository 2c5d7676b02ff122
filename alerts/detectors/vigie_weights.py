"""With what weights does `vigie` weigh its features? Printed by `vigie bench fit`; in the order of NAMES."""

import numpy as np

BIAS = -3.9344
WEIGHTS = np.array(
    [
        0.9443,  # trend_1.5_5
        -0.4334,  # trend_1.5_10
        -0.7269,  # trend_3_20
        1.5484,  # trend_5_20
        -0.3458,  # trend_5_40
        -0.6508,  # trend_10_40
        0.7238,  # trend_20_80
        0.3292,  # newest_20
        -0.0059,  # lowest_of_2_20
        -0.9245,  # median_of_3_20
        -0.231,  # lowest_of_3_20
        0.9756,  # median_of_3_10
        0.2181,  # median_of_3_40
        -0.0342,  # median_of_3_80
        -2.5075,  # trend_1.5_5_within_2
        2.6617,  # trend_1.5_10_within_2
        -0.7497,  # trend_3_20_within_2
        1.8193,  # trend_5_20_within_2
        -0.8975,  # trend_5_40_within_2
        -0.2543,  # trend_10_40_within_2
        -0.3216,  # trend_20_80_within_2
        -0.4062,  # newest_20_within_2
        0.0602,  # lowest_of_2_20_within_2
        -0.5675,  # median_of_3_20_within_2
        0.6333,  # lowest_of_3_20_within_2
        0.2955,  # median_of_3_10_within_2
        0.1235,  # median_of_3_40_within_2
        0.0154,  # median_of_3_80_within_2
        -0.7893,  # trend_1.5_5_beyond_3
        1.2393,  # trend_1.5_10_beyond_3
        0.4187,  # trend_3_20_beyond_3
        0.9721,  # trend_5_20_beyond_3
        -0.7362,  # trend_5_40_beyond_3
        0.4261,  # trend_10_40_beyond_3
        -0.5958,  # trend_20_80_beyond_3
        0.1248,  # newest_20_beyond_3
        0.3842,  # lowest_of_2_20_beyond_3
        -0.5451,  # median_of_3_20_beyond_3
        0.0608,  # lowest_of_3_20_beyond_3
        0.2306,  # median_of_3_10_beyond_3
        0.0921,  # median_of_3_40_beyond_3
        0.1702,  # median_of_3_80_beyond_3
        0.2427,  # log_noise
        -0.0236,  # step_in_noises
        -0.0525,  # step_kg
        -3.0106,  # kg_5_20
        2.9436,  # kg_10_40
        -1.2746,  # kg_20_80
        -0.3508,  # kg_median_20
        0.7359,  # log_usual_5_20
        -0.6514,  # log_usual_20_80
        0.4935,  # log_days_known
        -2.4151,  # usually_missed
        0.5164,  # missed_7
        0.0,  # missed_14
        0.0,  # missed_7_beyond_1
        0.4381,  # missed_14_beyond_1
        0.0,  # missed_14_beyond_2
    ]
)
