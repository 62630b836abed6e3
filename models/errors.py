"""Errors a user meets, as one tree. Each is one line: what, got, wanted, remedy.

    GretchenError                exit 1
    ├── SettingsError            exit 3   an unknown or unusable setting
    ├── InputError               exit 4   a file or record that can't be read
    ├── ArtifactError            exit 5   a model directory that is incomplete, tampered with or of another shape
    │   └── GateRefused                   an int8 model that lost too much to be written
    ├── BrokerUnavailable        exit 6   no Kafka answers
    ├── TopicMismatch            exit 7   a topic that is there with other partitions
    ├── Unaccounted              exit 8   records went in that did not come out
    ├── TrainingFailed           exit 1   training can't go on; the last good checkpoint is still there
    └── TrainingStopped          exit 130 Ctrl-C during training, which is saved and can go on

Exit 0 is success, 1 a bug of ours, 2 wrong usage (click), 70 a worker that stopped itself so that nothing is lost,
130 Ctrl-C.
"""


class GretchenError(Exception):
    """Base of all errors meant for the user; `exit_code` is what the command line ends with."""

    exit_code = 1


class SettingsError(GretchenError):
    exit_code = 3


class InputError(GretchenError):
    exit_code = 4


class ArtifactError(GretchenError):
    exit_code = 5


class GateRefused(ArtifactError):
    pass


class BrokerUnavailable(GretchenError):
    exit_code = 6


class TopicMismatch(GretchenError):
    exit_code = 7


class Unaccounted(GretchenError):
    exit_code = 8


class TrainingFailed(GretchenError):
    pass


class TrainingStopped(GretchenError):
    exit_code = 130
