"""Pure statistics: numbers in, numbers out.

Every function says its formula with the source, the shapes and units of what it takes, and the ValueErrors it raises;
every number that is estimated comes as an `interval.Estimate` or `Contrast` with bounds, n and method, or the reason
why there are none. What is where:

What a model answered   answers (by task), arrays (checks, weights), metrics (all of them by name, `measured`)
Binary scores           ranking (AUC, DeLong, average precision, curves), bands, confusion, capacity, threshold, cost
  of rows with weights  weighted; of groups: groups, slices, fairness; of a stream: histogram
  as probabilities      calibration, chance, recalibration, mending (tally, logistic beneath)
Classes and numbers     multiclass, regression, linearised, influence; naive forecasts
Two models              paired, unpaired, folds, nested, significance, multiplicity, ranks
A whole report          evaluation, operating, advice, criteria
Uncertainty             interval (Wilson, logit, t, Poisson bootstrap), proportions, tails, permuted
Columns of data         radix, sketch, distance, stability, verdict, summary, batches, levels, joint, scaling, exact
People and rows         agreement, split, privacy, cadence
"""
