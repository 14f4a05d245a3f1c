"""References behind responses, and behind the programs and the ways of fitting."""

from __future__ import annotations

from pynodes._citing.library import Reference, article, other

RESPONSES: tuple[Reference, ...] = (
    article(
        "ferrari2004",
        "Ferrari and Cribari-Neto 2004",
        "Ferrari, Silvia and Cribari-Neto, Francisco",
        "Beta regression for modelling rates and proportions",
        "Journal of Applied Statistics",
        "10.1080/0266476042000214501",
        volume="31",
        number="7",
        pages="799--815",
    ),
    article(
        "powers2017",
        "Powers et al. 2017",
        "Powers, Albert R. and Mathys, Christoph and Corlett, Philip R.",
        "Pavlovian conditioning-induced hallucinations result from overweighting of perceptual priors",
        "Science",
        "10.1126/science.aan3458",
        volume="357",
        number="6351",
        pages="596--600",
    ),
    article(
        "lawson2017",
        "Lawson et al. 2017",
        "Lawson, Rebecca P. and Mathys, Christoph and Rees, Geraint",
        "Adults with autism overestimate the volatility of the sensory environment",
        "Nature Neuroscience",
        "10.1038/nn.4615",
        volume="20",
        pages="1293--1299",
    ),
    article(
        "marshall2016",
        "Marshall et al. 2016",
        "Marshall, Louise and Mathys, Christoph and Ruge, Diane and de Berker, Archy O. and Dayan, Peter "
        "and Stephan, Klaas E. and Bestmann, Sven",
        "Pharmacological fingerprints of contextual uncertainty",
        "PLOS Biology",
        "10.1371/journal.pbio.1002575",
        volume="14",
        number="11",
        pages="e1002575",
    ),
    article(
        "vossel2014",
        "Vossel et al. 2014",
        "Vossel, Simone and Mathys, Christoph and Daunizeau, Jean and Bauer, Markus and Driver, Jon and "
        "Friston, Karl J. and Stephan, Klaas E.",
        "Spatial attention, precision, and {Bayesian} inference: A study of saccadic response speed",
        "Cerebral Cortex",
        "10.1093/cercor/bhs418",
        volume="24",
        number="6",
        pages="1436--1450",
    ),
    article(
        "diaconescu2014",
        "Diaconescu et al. 2014",
        "Diaconescu, Andreea O. and Mathys, Christoph and Weber, Lilian A. E. and Daunizeau, Jean and "
        "Kasper, Lars and Lomakina, Ekaterina I. and Fehr, Ernst and Stephan, Klaas E.",
        "Inferring on the intentions of others by hierarchical {Bayesian} learning",
        "PLOS Computational Biology",
        "10.1371/journal.pcbi.1003810",
        volume="10",
        number="9",
        pages="e1003810",
    ),
    article(
        "daw2006",
        "Daw et al. 2006",
        "Daw, Nathaniel D. and O'Doherty, John P. and Dayan, Peter and Seymour, Ben and Dolan, Raymond J.",
        "Cortical substrates for exploratory decisions in humans",
        "Nature",
        "10.1038/nature04766",
        volume="441",
        pages="876--879",
    ),
    article(
        "worthy2013",
        "Worthy et al. 2013",
        "Worthy, Darrell A. and Hawthorne, Melissa J. and Otto, A. Ross",
        "Heterogeneity of strategy use in the {Iowa} gambling task: A comparison of win-stay/lose-shift "
        "and reinforcement learning models",
        "Psychonomic Bulletin \\& Review",
        "10.3758/s13423-012-0324-9",
        volume="20",
        pages="364--371",
    ),
    other(
        "sutton1998",
        "Sutton and Barto 1998",
        "book",
        ("Sutton and Barto (1998)",),
        "Sutton, Richard S. and Barto, Andrew G.",
        "Reinforcement Learning: An Introduction",
        publisher="MIT Press",
        isbn="978-0-262-19398-6",
    ),
)
"""Behind responses."""

JAX = other(
    "jax2018",
    "Bradbury et al. 2018",
    "software",
    (),
    "Bradbury, James and Frostig, Roy and Hawkins, Peter and Johnson, Matthew James and Leary, Chris "
    "and Maclaurin, Dougal and Necula, George and Paszke, Adam and VanderPlas, Jake and "
    "Wanderman-Milne, Skye and Zhang, Qiao",
    "{JAX}: Composable transformations of {Python+NumPy} programs",
    url="http://github.com/jax-ml/jax",
)

METHODS: dict[str, tuple[Reference, ...]] = {
    "nuts": (
        other(
            "hoffman2014",
            "Hoffman and Gelman 2014",
            "article",
            (),
            "Hoffman, Matthew D. and Gelman, Andrew",
            "The {No-U-Turn} sampler: Adaptively setting path lengths in {Hamiltonian Monte Carlo}",
            journal="Journal of Machine Learning Research",
            volume="15",
            pages="1593--1623",
        ),
    ),
    "smc": (
        article(
            "delmoral2006",
            "Del Moral et al. 2006",
            "Del Moral, Pierre and Doucet, Arnaud and Jasra, Ajay",
            "Sequential {Monte Carlo} samplers",
            "Journal of the Royal Statistical Society: Series B",
            "10.1111/j.1467-9868.2006.00553.x",
            volume="68",
            number="3",
            pages="411--436",
        ),
    ),
    "pathfinder": (
        other(
            "zhang2022",
            "Zhang et al. 2022",
            "article",
            (),
            "Zhang, Lu and Carpenter, Bob and Gelman, Andrew and Vehtari, Aki",
            "Pathfinder: Parallel quasi-{Newton} variational inference",
            journal="Journal of Machine Learning Research",
            volume="23",
            number="306",
            pages="1--49",
        ),
    ),
}
"""Behind ways of fitting, by the name of the method."""
