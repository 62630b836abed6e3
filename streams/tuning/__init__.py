"""What this machine does best with: candidates are measured in turns, and what is set now is left only for what is
better by more than the noise.
"""
