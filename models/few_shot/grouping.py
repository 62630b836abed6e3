"""Questions grouped by what they ask and by what was replied: agglomerative clustering, average linkage, by cosine.

The replies count for more than the questions: customers say a thing in many words, a team answers it in few.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

MOST_CLUSTERED = 4000  # all pairs of these are compared: 64 MB; the rest join the groups that these make
MOST_COMPARED = 1000  # replies of a group, for the best of them
CENTERED_FROM = 8  # texts; of fewer the mean says nothing
REPLY_SHARE = 0.7
VECTOR_SHARE = 0.5  # of a reply's likeness; the rest is by its words


@dataclass(frozen=True, slots=True)
class Likeness:
    """Unit vectors of questions and replies, and of the replies' words."""

    questions: Floats
    replies: Floats
    words: Floats

    def between(self, others: "Likeness") -> Floats:
        """Float32 [these, others], 1 for the same question with the same reply."""
        replied = VECTOR_SHARE * (self.replies @ others.replies.T) + (1 - VECTOR_SHARE) * (self.words @ others.words.T)
        return np.asarray((1 - REPLY_SHARE) * (self.questions @ others.questions.T) + REPLY_SHARE * replied, np.float32)

    def some(self, these: Ints) -> "Likeness":
        return Likeness(self.questions[these], self.replies[these], self.words[these])

    def means(self, groups: Sequence[Sequence[int]]) -> "Likeness":
        """Of each group; between two means is the mean of what is between the members."""

        def mean(rows: Floats) -> Floats:
            return np.stack([rows[list(each)].mean(0) for each in groups])

        return Likeness(mean(self.questions), mean(self.replies), mean(self.words))


def likeness(questions: Floats, replies: Floats, reply_texts: Sequence[str]) -> Likeness:
    """Of vectors [texts, dimensions] of any length. Needs scikit-learn."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.random_projection import SparseRandomProjection

    words = TfidfVectorizer(sublinear_tf=True, min_df=1).fit_transform(reply_texts)
    if words.shape[1] > 4096:  # rows are held densely
        words = SparseRandomProjection(2048, random_state=0).fit_transform(words)
    return Likeness(unit(centered(questions)), unit(centered(replies)), unit(np.asarray(words.toarray(), np.float32)))


def centered(vectors: Floats) -> Floats:
    """Without what all have in common, of which there is much in the middle of a network."""
    return vectors - vectors.mean(0) if len(vectors) >= CENTERED_FROM else vectors


def unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths == 0, 1, lengths), np.float32)


def group(like: Likeness, least: float) -> list[list[int]]:
    """Indices of each group, the largest group first: on average, two of a group are at least this much alike."""
    from sklearn.cluster import AgglomerativeClustering

    count = len(like.questions)
    if count < 2:
        return [[n] for n in range(count)]
    core = np.arange(count) if count <= MOST_CLUSTERED else np.random.default_rng(0).permutation(count)[:MOST_CLUSTERED]
    compared = like.some(core)
    distances = np.clip(1 - compared.between(compared), 0, 2)
    labels = AgglomerativeClustering(
        n_clusters=None, distance_threshold=1 - least, metric="precomputed", linkage="average"
    ).fit_predict(distances)
    groups = [core[labels == label].tolist() for label in range(int(labels.max()) + 1)]
    join(like, groups, sorted(set(range(count)) - set(core.tolist())), least)
    return sorted((sorted(each) for each in groups), key=lambda each: (-len(each), each))


def join(like: Likeness, groups: list[list[int]], rest: Sequence[int], least: float) -> None:
    """Put each of the rest into the group that it is most like, on average, or into one of its own."""
    means = like.means(groups)
    for start in range(0, len(rest), 256):
        part = rest[start : start + 256]
        for n, row in zip(part, like.means([[n] for n in part]).between(means), strict=True):
            if row.max() >= least:
                groups[int(row.argmax())].append(n)
            else:
                groups.append([n])


def medoid(like: Likeness, members: Sequence[int], handicap: Sequence[float]) -> int:
    """The member whose reply is most like the other replies, less its handicap."""
    of, handicap = np.array(members[:MOST_COMPARED]), handicap[:MOST_COMPARED]
    meant = like.replies[of] @ like.replies[of].T + like.words[of] @ like.words[of].T
    return int(of[int((meant.mean(1) - np.array(handicap)).argmax())])
