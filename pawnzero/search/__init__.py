"""Tree search over batches of positions. It depends on no game and no net: both are passed in."""

from pawnzero.search.batch import BatchedSearch, leaves_a_tree
from pawnzero.search.evaluator import Evaluator, Question, UniformEvaluator, question_about
from pawnzero.search.searcher import Searcher, SearchResult, read_roots

__all__ = [
    "BatchedSearch",
    "Evaluator",
    "Question",
    "SearchResult",
    "Searcher",
    "UniformEvaluator",
    "leaves_a_tree",
    "question_about",
    "read_roots",
]
