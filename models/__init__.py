"""The model line: data, fine-tuning, export, quantization, evaluation, artifacts and the engines that serve them."""
