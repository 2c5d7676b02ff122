"""With what weights does `vigie` weigh its features? Printed by `vigie bench fit`; in the order of `vigie.NAMES`."""

import numpy as np

BIAS = -2.5543
WEIGHTS = np.array(
    [
        1.3805,  # trend_1.5_10
        -2.4651,  # trend_3_20
        1.9696,  # trend_5_20
        0.3281,  # trend_10_40
        -0.2149,  # trend_20_80
        0.0922,  # trend_5_40
        0.2503,  # newest
        0.2676,  # lowest_of_2
        -0.2214,  # median_of_3
        -0.1138,  # lowest_of_3
        -0.1186,  # median_over_80
        1.807,  # trend_1.5_10_within_2
        -1.0005,  # trend_3_20_within_2
        3.2839,  # trend_5_20_within_2
        -0.2633,  # trend_10_40_within_2
        0.0801,  # trend_20_80_within_2
        -0.8919,  # trend_5_40_within_2
        -0.5842,  # newest_within_2
        -0.6552,  # lowest_of_2_within_2
        0.898,  # median_of_3_within_2
        0.2848,  # lowest_of_3_within_2
        -0.4964,  # median_over_80_within_2
        0.358,  # trend_1.5_10_beyond_3
        -0.5566,  # trend_3_20_beyond_3
        1.2238,  # trend_5_20_beyond_3
        0.9711,  # trend_10_40_beyond_3
        -0.2676,  # trend_20_80_beyond_3
        -0.6602,  # trend_5_40_beyond_3
        -0.1416,  # newest_beyond_3
        0.0291,  # lowest_of_2_beyond_3
        0.2141,  # median_of_3_beyond_3
        0.032,  # lowest_of_3_beyond_3
        0.0143,  # median_over_80_beyond_3
        0.4539,  # log_noise
        0.1262,  # step_in_noises
        0.1562,  # missing
        -3.3637,  # kg_5_20
        0.2862,  # kg_median
        1.0033,  # kg_10_40
        0.5725,  # kg_20_80
        1.432,  # log_usual
        -0.8266,  # step_kg
    ]
)
