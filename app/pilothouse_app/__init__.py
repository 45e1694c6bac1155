"""The Streamlit app over the core: main -> screens -> parts -> charts."""
