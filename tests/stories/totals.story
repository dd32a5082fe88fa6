# totals
