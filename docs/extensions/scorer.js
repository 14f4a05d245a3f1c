// Titles and terms of the field before names of code: whoever searches a name finds it below what explains it.
var Scorer = {
  objNameMatch: 11,
  objPartialMatch: 3,
  objPrio: { 0: 5, 1: 0, 2: -5 },
  objPrioDefault: 0,
  title: 40,
  partialTitle: 10,
  term: 5,
  partialTerm: 2,
};
