"""The live stream's instruction set: a question becomes one instruction, and the instruction is executed. Pure.

question -> linking, time_phrases -> (parse) -> instruction -> assembly (validated) -> interpret -> phrase
"""
